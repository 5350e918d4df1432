"""The people of Human3.6M with public 3D poses, their splits and actions. Source: docs/method.md, "Human3.6M"."""

SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")  # S2, S3 and S4 have no public 3D poses
SPLITS = {
    "train": ("S1", "S5", "S6", "S7"),
    "val": ("S8",),
    "trainval": ("S1", "S5", "S6", "S7", "S8"),
    "test": ("S9", "S11"),
}
# fmt: off
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)
# fmt: on
TEST_FRAMES = 543_344  # of the split test in four cameras, as the evaluation code of VideoPose3D counts them
