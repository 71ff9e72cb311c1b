"""Other programs at the same work, where they are installed; none of them is needed for anything else.

Each makes something of windows of sound as many times as there is time for, and is told in windows a second: of a batch, and of one at a
time. Networks of the same size take the place of ours: six reconstructions a window by one step each, without what ours is asked for
beside (planes, features, scores), in the numbers in which ours computes and on a GPU compiled, as ours is captured. The detectors judge
whole windows, from samples to score, as they come, after they have learned a little of the same normal.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from monitor.bench.report import Peer
from monitor.bench.roofline import NUMBER
from monitor.bench.speed import done, mean_s, windows
from monitor.bench.track import Track
from monitor.opened import Opened
from monitor.pipeline import BATCH
from monitor.synth.wave import RATE_HZ, Floats

EXTRA = "peers"
_EPOCHS = 2  # how well they have learned makes them neither faster nor slower
_LEARNED = 64

Step: TypeAlias = Callable[[int], object]
"""Does so many windows."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all of them are given."""

    opened: Opened
    sound: Track
    normal: Floats
    device: torch.device
    seconds: float

    @property
    def forwards(self) -> int:
        """Calls of the network that reconstruct one window: each level by each noise."""
        return len(self.opened.representation.recipe.judged) * len(self.opened.model.bank)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of a network that has about as many parameters as ours: blocks of others have more of them at the same width."""
        return tuple(3 * width // 4 for width in self.opened.model.denoiser.settings.widths)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the network's input."""
        channels, height, width = self.opened.model.bank.shape[1:]
        return channels, height, width

    def clips(self, count: int) -> list[Floats]:
        """Windows of the sound that is played, `[n]` each."""
        return [w.items[:, 0] for w in windows(self.opened.representation, self.sound, count)]

    def learned(self, count: int) -> list[Floats]:
        """Windows of normal, `[n]` each."""
        sense = self.opened.representation
        return [self.normal[i * sense.hop :][: sense.length, 0] for i in range(count)]

    def planes(self, clips: list[Floats]) -> Tensor:
        """What our network sees of them, `[B, C, H, W]`."""
        return self.opened.representation.to(self.device).look(torch.from_numpy(np.stack(clips)[..., None]).to(self.device)).planes

    @property
    def number(self) -> torch.dtype:
        """In which our network computes on the device."""
        return NUMBER[self.device.type]

    def measured(self, step: Step, about: str) -> Peer:
        """What comes of doing it with a batch of windows time and again, and with one."""
        return Peer(self._per_s(step, BATCH), about, self._per_s(step, 1))

    def _per_s(self, step: Step, count: int) -> float:
        return count / mean_s(lambda: done(lambda: step(count), self.device), self.seconds)


def guarded(measured: Callable[[Work], Peer], work: Work) -> Peer:
    """What is measured; or what is missing, or what went wrong with it: that of others is no failure of ours."""
    if work.opened.model.kind != "audio":
        return Peer(None, "the model hears no sound")
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            return measured(work)
    except ImportError as error:
        return Peer(None, f"needs {error.name or error}: pip install 'diffmon[{EXTRA}]'")
    except Exception as error:  # whatever it is: of another version, perhaps
        return Peer(None, f"failed: {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no word'}")
    finally:
        logging.disable(logging.NOTSET)


def compiled(network: torch.nn.Module, step: Step, device: torch.device) -> str:
    """Has a GPU's network compiled, which it does as it steps for the first time; what to say of it in words."""
    if device.type != "cuda":
        return ""
    # Each size by itself, as ours is captured.
    network.compile(mode="reduce-overhead", dynamic=False)
    try:
        step(1)
    except Exception as error:  # of a compiler that the machine lacks, to begin with
        network.compile(disable=True)
        return f", not compiled ({type(error).__name__})"
    return ", compiled"


def diffusers(work: Work) -> Peer:
    """A U-Net through its DDIM pipeline, one step."""
    from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

    channels, height, width = work.shape
    network = UNet2DModel(
        sample_size=(height, width),
        in_channels=channels,
        out_channels=channels,
        block_out_channels=work.widths,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=3,
        attention_head_dim=work.widths[0],
    ).to(work.device, work.number)
    pipeline = DDIMPipeline(network.eval(), DDIMScheduler())
    pipeline.set_progress_bar_config(disable=True)
    step = lambda count: pipeline(batch_size=count * work.forwards, num_inference_steps=1, output_type="pt")  # noqa: E731
    how = compiled(network, step, work.device)
    return work.measured(step, f"DDIM pipeline, {_images(work, network)}{how}")


def denoising_diffusion_pytorch(work: Work) -> Peer:
    """Its U-Net and DDIM sampler, one step."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    channels, height, width = work.shape
    first, *_ = work.widths
    network = Unet(first, channels=channels, dim_mults=(1, 2, 4), attn_heads=4, attn_dim_head=first)
    sampler = GaussianDiffusion(network, image_size=(height, width), sampling_timesteps=1, auto_normalize=False).to(work.device).eval()

    def step(count: int) -> Tensor:
        # It draws noise in single precision, whatever its network computes in.
        with torch.autocast(work.device.type, work.number, enabled=work.number != torch.float32):
            images: Tensor = sampler.sample(batch_size=count * work.forwards)
        return images

    how = compiled(network, step, work.device)
    return work.measured(step, f"DDIM, {_images(work, network)}{how}")


def pyod(work: Work) -> Peer:
    """Its autoencoder of log-mel frames, end to end."""
    from pyod.models.audio_ae import AudioAE

    detector = AudioAE(sr=RATE_HZ, epoch_num=_EPOCHS, device=str(work.device))
    detector.fit([(clip, RATE_HZ) for clip in work.learned(_LEARNED)])
    clips = [(clip, RATE_HZ) for clip in work.clips(BATCH)]
    return work.measured(lambda count: detector.decision_function(clips[:count]), f"AudioAE, {_size(detector.ae_.model)}, samples to score")


def anomalib(work: Work) -> Peer:
    """GANomaly, the lightest of its models that needs no other network trained on pictures before, at our planes as pictures."""
    from anomalib.models.image.ganomaly.torch_model import GanomalyModel

    side = 64  # of its pictures: our planes, the columns doubled
    network = GanomalyModel(
        (side, side), num_input_channels=3, n_features=64, latent_vec_size=100, extra_layers=0, add_final_conv_layer=True
    )
    network = network.to(work.device).eval()
    clips = work.clips(BATCH)

    @torch.inference_mode()
    def judged(count: int) -> list[float]:
        scores: list[float] = network(work.planes(clips[:count]).repeat_interleave(2, dim=3)).pred_score.tolist()
        return scores

    return work.measured(judged, f"GANomaly, {_size(network)}, not trained, samples through our planes to score")


def _size(network: torch.nn.Module) -> str:
    return f"{sum(each.numel() for each in network.parameters()) / 1e6:.2g} M parameters"


def _images(work: Work, network: torch.nn.Module) -> str:
    images = f"{work.forwards} images of {' x '.join(map(str, work.shape))} a window, one step"
    return f"{_size(network)}, {images}, {str(work.number).removeprefix('torch.')}"


PEERS: dict[str, Callable[[Work], Peer]] = {
    "diffusers": diffusers,
    "denoising-diffusion-pytorch": denoising_diffusion_pytorch,
    "pyod": pyod,
    "anomalib": anomalib,
}
"""By name, what is measured of each."""
