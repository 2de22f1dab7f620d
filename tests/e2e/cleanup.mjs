// Child processes and directories of the run are gone when it ends, however it ends (but for SIGKILL).
const held = new Set();

// `undo` is called at the end, the last one held first, and must not wait. -> call that forgets it
export function hold(undo) {
  held.add(undo);
  return () => held.delete(undo);
}

function undoAll() {
  for (const undo of [...held].reverse()) {
    held.delete(undo);
    try {
      undo();
    } catch (error) {
      console.error(`cleaning up: ${error.message}`);
    }
  }
}

process.on('exit', undoAll); // also after an exception that nobody caught
for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGTERM', 15]])
  process.on(signal, () => {
    undoAll();
    process.exit(128 + number);
  });
