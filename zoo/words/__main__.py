"""`python -m zoo.words`: the same as `zoo words`."""

import sys

from zoo.words.cli import parser, words

try:
    words(**vars(parser().parse_args()))
except (ValueError, OSError) as error:
    print(f"zoo words: {error}", file=sys.stderr)
    sys.exit(2)
