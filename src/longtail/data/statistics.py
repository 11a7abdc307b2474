"""Mean and deviation of each channel of well-known image sets, on the scale 0 to 1."""

__all__ = ["STATISTICS", "Statistics"]

Triple = tuple[float, float, float]
Statistics = tuple[Triple, Triple]

STATISTICS: dict[str, Statistics] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inaturalist": ((0.466, 0.471, 0.380), (0.195, 0.194, 0.192)),
    "cifar": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
}
