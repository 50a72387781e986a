"""PyTorch's torch.autograd.anomaly_mode: say where a NaN in backward came from."""

from ..tensor.hooks import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
