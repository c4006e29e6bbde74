"""Small classifiers of pictures: the measuring stick of the techniques that make pictures."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.pictures.net import PictureClassifier as PictureClassifier

attach(__name__, __file__)
