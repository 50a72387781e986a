"""DataLoader under PyTorch's path, torch.utils.data.dataloader."""

from .loader import DataLoader, default_collate, default_convert, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
