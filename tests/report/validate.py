"""validate.py SCHEMA FILE: exit 0 if the JSON file (.jsonl: each of its lines) obeys the JSON Schema, else 1 and the reasons on stderr."""
import json
import sys

import jsonschema


def main(schema_path, file_path):
    def unique(pairs):
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    with open(file_path, encoding="utf-8") as file:
        texts = file.read().splitlines() if file_path.endswith(".jsonl") else [file.read()]
    documents = [json.loads(text, object_pairs_hook=unique) for text in texts]
    validator_class = jsonschema.validators.validator_for(schema)
    validator_class.check_schema(schema)
    errors = [(number, error) for number, document in enumerate(documents, 1)
              for error in sorted(validator_class(schema).iter_errors(document), key=lambda error: list(map(str, error.path)))]
    for number, error in errors[:20]:
        print("%s%s: %s" % (f"line {number}: " if len(documents) > 1 else "", "/".join(map(str, error.path)) or "(top)", error.message[:300]), file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
