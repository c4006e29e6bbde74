"""Pictures to classify."""

from zoo.data.images import Pictures


class LabelledPictures(Pictures):
    """Pictures of two classes or more; arguments as of `zoo.data.images.Pictures`."""

    @property
    def classes(self) -> int:
        """Number of classes.

        Raises:
            ValueError: if there are not two.
        """
        if (count := super().classes) < 2:
            raise ValueError(
                f"{self.root} has {count} class: expected at least 2; give --data.root a folder "
                "that has a folder of pictures for each class"
            )
        return count
