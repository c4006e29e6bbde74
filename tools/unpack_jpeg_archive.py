"""Unpack an `.npz` of JPEG files to a folder of pictures by class.

python tools/unpack_jpeg_archive.py ARCHIVE.npz FOLDER
"""

import argparse
from pathlib import Path

from zoo.data.images.archive import unpack_archive

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    print(f"{unpack_archive(options.archive, options.folder)} pictures in {options.folder}")
