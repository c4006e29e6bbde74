"""Checkpoint folders: saved whole or not at all, verified, loaded without a pickle."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.checkpoint.export import export as export
    from zoo.checkpoint.integrity import require_replaceable as require_replaceable
    from zoo.checkpoint.integrity import verify as verify
    from zoo.checkpoint.load import FORMAT as FORMAT
    from zoo.checkpoint.load import WEIGHTS as WEIGHTS
    from zoo.checkpoint.load import fitting_arguments as fitting_arguments
    from zoo.checkpoint.load import load as load
    from zoo.checkpoint.load import load_matching as load_matching
    from zoo.checkpoint.load import read_config as read_config
    from zoo.checkpoint.load import read_preprocess as read_preprocess
    from zoo.checkpoint.load import rebuild as rebuild
    from zoo.checkpoint.load import require_fitting as require_fitting
    from zoo.checkpoint.load import start_from as start_from
    from zoo.checkpoint.save import annotate as annotate
    from zoo.checkpoint.save import record as record
    from zoo.checkpoint.save import require_recordable as require_recordable
    from zoo.checkpoint.save import save as save
    from zoo.checkpoint.save import save_start as save_start

attach(__name__, __file__)
