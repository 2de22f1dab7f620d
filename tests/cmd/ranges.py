"""I7_option_ranges: a number outside its range is bad usage, the message names the option and what is allowed, nothing is done."""
import os
import subprocess
import sys

tracer = os.environ["TRACER"]
HOSTILE = ["-1", "+1", "", " 1", "1 ", "0x10", "1e3", "1.5", "01", "18446744073709551616", "9" * 400, "1\x1b[31m", "\u0661"]
NUMBERS = {  # option -> one above its range
    "--from": "9223372036854775808", "--since": "9223372036854775808", "--to": "9223372036854775808",
    "--finality": "1000001", "--in-flight": "65",
}
tried = 0
for option, above in NUMBERS.items():
    for value in [*HOSTILE, above]:
        done = subprocess.run([tracer, "trace", f"{option}={value}", "ronin-2022"], capture_output=True, timeout=60)
        text = done.stderr.decode("ascii")
        assert done.returncode == 2, f"{option}={value!r}: exit {done.returncode}: {text}"
        assert option in text and any(c.isdigit() for c in text.split(" is not ", 1)[1]), text
        assert "\x1b" not in text and len(text) < 1000, text
        tried += 1
print(f"ranges: {tried} values refused")
