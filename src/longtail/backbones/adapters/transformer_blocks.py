"""What is added to the blocks of a vision transformer whose own weights stay as they are."""

import torch
from torch import Tensor, nn

__all__ = ["AdaptedMLP", "PromptedBlock"]


class AdaptedMLP(nn.Module):
    """A narrow branch beside a block's MLP, on what enters the block's second half.

    y = MLP(LN(x)) + s W_up relu(W_down LN'(x)), with W_up = 0 and s = 1 to begin with

    Args:
        norm: LN, of the block.
        mlp: of the block.
        width: rows of W_down, at least 1.

    Source:
        Chen, Ge, Tong, Wang, Song, Wang, Luo, "AdaptFormer: Adapting Vision Transformers for Scalable Visual
        Recognition", NeurIPS 2022, arXiv 2205.13535, equation 3; with a norm of its own and a learned s as in Shi, Wei,
        Zhou, Shao, Han, Li, "Long-Tail Learning with Foundation Model: Heavy Fine-Tuning Hurts", ICML 2024, arXiv
        2309.10019.

    Example:
        >>> branch = AdaptedMLP(nn.LayerNorm(4), nn.Linear(4, 4), width=2)
        >>> x = torch.ones(1, 3, 4)
        >>> branch(x).equal(branch.mlp(branch.norm(x)))
        True
    """

    def __init__(self, norm: nn.Module, mlp: nn.Module, width: int) -> None:
        super().__init__()
        self.norm, self.mlp = norm, mlp
        like = next(mlp.parameters())
        dimension = next(p for p in norm.parameters()).shape[0]
        self.own_norm = nn.LayerNorm(dimension, device=like.device, dtype=like.dtype)
        self.down = nn.Linear(dimension, width, device=like.device, dtype=like.dtype)
        self.up = nn.Linear(width, dimension, device=like.device, dtype=like.dtype)
        self.scale = nn.Parameter(torch.ones((), device=like.device, dtype=like.dtype))
        nn.init.kaiming_uniform_(self.down.weight, a=5**0.5)
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D), before the block's norm, to what is added to them."""
        branch: Tensor = self.up(torch.relu(self.down(self.own_norm(tokens))))
        result: Tensor = self.mlp(self.norm(tokens)) + self.scale * branch
        return result


class PromptedBlock(nn.Module):
    """A block that sees learned tokens beside its own; what it makes of them is dropped.

    Args:
        block: of a transformer, maps tokens (B, T, D) to (B, T, D).
        prompts: how many, at least 1.
        dimension: D.

    Source:
        Jia, Tang, Chen, Cardie, Belongie, Hariharan, Lim, "Visual Prompt Tuning", ECCV 2022, arXiv 2203.12119, equation
        5 (deep prompts).

    Example:
        >>> PromptedBlock(nn.Identity(), prompts=2, dimension=4)(torch.ones(3, 5, 4)).shape
        torch.Size([3, 5, 4])
    """

    def __init__(self, block: nn.Module, prompts: int, dimension: int) -> None:
        super().__init__()
        self.block = block
        self.prompts = nn.Parameter(torch.empty(prompts, dimension))
        nn.init.uniform_(self.prompts, -((6 / dimension) ** 0.5), (6 / dimension) ** 0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D) to tokens (B, T, D)."""
        prompts = self.prompts.to(tokens.dtype).expand(len(tokens), -1, -1)
        result: Tensor = self.block(torch.cat([tokens, prompts], dim=1))
        return result[:, : tokens.shape[1]]
