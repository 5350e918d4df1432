"""RTMPose by ``rtmlib``, for those who have it: people with the 26 joints of Halpe. It downloads its weights by itself."""

import numpy as np

from uplift_upsample.base.errors import MissingBackendError


class RtmPose:
    """The detector that rtmlib calls BodyWithFeet. mode: ``lightweight``, ``balanced`` or ``performance``."""

    layout = "halpe_26"

    def __init__(self, mode: str = "balanced") -> None:
        try:
            from rtmlib import BodyWithFeet
        except ModuleNotFoundError:
            raise MissingBackendError("the detector rtmlib is not installed: pip install rtmlib") from None
        self.name = f"RTMPose by rtmlib, {mode}"
        self._model = BodyWithFeet(mode=mode, backend="onnxruntime", device="cpu")

    def people(self, picture: np.ndarray) -> list[np.ndarray]:
        """The people of a picture ``(H, W, 3)`` uint8 RGB, each ``(26, 3)``: x, y in pixels and score."""
        keypoints, scores = self._model(np.ascontiguousarray(picture[..., ::-1]))  # it takes BGR
        return list(np.concatenate([keypoints, np.clip(scores, 0, 1)[..., None]], axis=2))
