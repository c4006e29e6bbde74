"""Pictures: files of every kind, preprocessing, batches, augmentation."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.data.images.augment import binarise as binarise
    from zoo.data.images.augment import flip as flip
    from zoo.data.images.augment import move as move
    from zoo.data.images.batches import Pictures as Pictures
    from zoo.data.images.fashion import FASHION_CLASSES as FASHION_CLASSES
    from zoo.data.images.fashion import fashion_sample as fashion_sample
    from zoo.data.images.preprocess import PicturePreprocess as PicturePreprocess

attach(__name__, __file__)
