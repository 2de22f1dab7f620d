// Compile contracts/*.sol; encode calls. Only what the scenario needs: static types.
import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);

export function compile() {
  const solc = require('solc');
  const directory = new URL('./contracts/', import.meta.url);
  const sources = {};
  for (const name of readdirSync(directory).sort())
    if (name.endsWith('.sol')) sources[name] = { content: readFileSync(new URL(name, directory), 'utf8') };
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources,
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 200 },
      metadata: { bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.methodIdentifiers'] } },
    },
  })));
  const failed = (output.errors ?? []).filter((error) => error.severity === 'error');
  if (failed.length) throw new Error(failed.map((error) => error.formattedMessage).join('\n'));
  const contracts = {};
  for (const file of Object.values(output.contracts))
    for (const [name, contract] of Object.entries(file))
      contracts[name] = { code: `0x${contract.evm.bytecode.object}`, methods: contract.evm.methodIdentifiers };
  return contracts;
}

// Addresses, hex texts and BigInts, each in one word.
export function words(values) {
  return values.map((value) => (typeof value === 'string' ? value.slice(2).toLowerCase() : BigInt(value).toString(16))
    .padStart(64, '0')).join('');
}

export function encodeCall(contract, method, values) {
  const found = Object.keys(contract.methods).filter((signature) => signature.startsWith(`${method}(`));
  if (found.length !== 1) throw new Error(`no such method: ${method}`);
  return `0x${contract.methods[found[0]]}${words(values)}`;
}
