"""A recurrent network forecasts a recording of brain waves, and is compared with simpler forecasts."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import nn, optim
from ..core.errors import ArgumentError
from ..core.value import Tensor, wrap
from ..ops.generators import manual_seed
from ..tensor.modes import no_grad
from ..train import fit
from ..utils.data import DataLoader, TensorDataset
from ..utils.packages import need
from .curves import over_epochs
from .gradients import check_gradients
from .report import Report
from .telling import Teller, next_command

SOURCE = "EEG of four electrodes, 800 moments in ten seconds, from matplotlib's sample data"
PAST, FUTURE = 24, 4  # how many moments are seen, and how many forecast


class Forecaster(nn.Module):
    """A GRU over the past, (n, PAST, electrodes) -> (n, FUTURE, electrodes): what is added to the last moment seen."""

    def __init__(self, electrodes: int = 4, hidden: int = 32) -> None:
        super().__init__()
        self.gru = nn.GRU(electrodes, hidden, batch_first=True)
        self.out = nn.Linear(hidden, FUTURE * electrodes)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(x)
        return x[:, -1:] + self.out(states[:, -1]).reshape(x.shape[0], FUTURE, x.shape[2])


def recording() -> np.ndarray:
    """The recording, float32 (800, 4), each electrode with mean 0 and spread 1 on the training part."""
    matplotlib = need("matplotlib", "the recording")
    file = Path(matplotlib.get_data_path()) / "sample_data" / "eeg.dat"
    if not file.is_file():
        raise ArgumentError(f"this installation of matplotlib lacks its sample data ({file}): install it with pip")
    values = np.fromfile(file, "<f8").reshape(-1, 4)
    learnt = values[: int(0.6 * len(values))]
    return ((values - learnt.mean(0)) / learnt.std(0)).astype(np.float32)


def windows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All stretches of PAST moments (n, PAST, electrodes) and the FUTURE moments after each."""
    every = np.lib.stride_tricks.sliding_window_view(values, PAST + FUTURE, axis=0).transpose(0, 2, 1)
    return np.ascontiguousarray(every[:, :PAST]), np.ascontiguousarray(every[:, PAST:])


def linear_forecast(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Least squares from the whole past to the future, with a ridge of 10."""
    ridge = need("sklearn.linear_model", "the linear forecast").Ridge(alpha=10.0)
    return (
        ridge.fit(x.reshape(len(x), -1), y.reshape(len(y), -1))
        .predict(new.reshape(len(new), -1))
        .reshape(len(new), *y.shape[1:])
    )


def run(
    out: str | Path, *, epochs: int | None = None, quick: bool = False, seed: int = 0, tell: Teller | None = None
) -> dict[str, Any]:
    """Train on the first 60 percent, choose the epoch on the next 15, test once on the last quarter; write the report.

    Returns what metrics.json holds: root mean squared errors of the network, of a linear forecast, of the last value
    repeated, and of the mean, in units of the recording's spread.
    """
    tell = tell or Teller()
    started = perf_counter()
    values = recording()
    a, b = int(0.6 * len(values)), int(0.75 * len(values))
    (x, y), (vx, vy), (tx, ty) = windows(values[:a]), windows(values[a:b]), windows(values[b:])
    epochs = epochs or (3 if quick else 60)
    tell("data", SOURCE)
    tell("", f"{PAST} moments are seen, {FUTURE} forecast; the last quarter of the recording is held out")
    manual_seed(seed)
    model, loss = Forecaster(), nn.MSELoss()
    checked = check_gradients(model, loss, wrap(x[:3]), wrap(y[:3].astype(np.float64)), seed=seed)
    tell("gradients", f"{checked['entries']} of them, in all {checked['tensors']} parameter tensors, agree with")
    tell("", "central differences (float64)")
    optimizer = optim.AdamW(model.parameters(), 3e-3, weight_decay=1e-2)
    tell("training", f"at most {epochs} epochs")
    history = fit(
        *(model, DataLoader(TensorDataset(wrap(x), wrap(y)), batch_size=32, shuffle=True), loss, optimizer),
        epochs=epochs,
        validation=DataLoader(TensorDataset(wrap(vx), wrap(vy)), batch_size=256),
        patience=12,
        clip_norm=1.0,
        progress=tell.progress,
    )
    if not history.rows:
        raise KeyboardInterrupt
    model.eval()
    with no_grad():
        forecast = model(wrap(tx)).numpy()
    simple = {
        "network": forecast,
        "linear": linear_forecast(x, y, tx),
        "last value": np.repeat(tx[:, -1:], FUTURE, 1),
        "mean": np.zeros_like(ty),
    }
    errors = {name: float(np.sqrt(((said - ty) ** 2).mean())) for name, said in simple.items()}
    result = {
        **{"demo": "series", "data": SOURCE, "error": errors["network"], "errors": errors},
        "errors_by_step": {n: np.sqrt(((s - ty) ** 2).mean((0, 2))).tolist() for n, s in simple.items()},
        **{"epochs": len(history.rows), "gradients_checked": checked["entries"], "seed": seed},
        "seconds": round(perf_counter() - started, 2),
        "history": history.rows,
    }
    page = write_report(out, simple, ty, result)
    result["report"] = str(page)
    better = 1 - errors["network"] / errors["last value"]
    against = "better" if better > 0 else "worse"
    tell("error", f"{errors['network']:.3f} on the held-out part, {abs(better):.0%} {against} than repeating the last")
    tell("", f"value ({errors['last value']:.3f}); a linear forecast has {errors['linear']:.3f}")
    tell("time", f"{perf_counter() - started:.1f} s")
    tell("report", str(page))
    tell("next", f"{next_command()} check FILE.py:FUNCTION --at 0.5")
    return result


def write_report(out: str | Path, said: dict[str, np.ndarray], truth: np.ndarray, result: dict[str, Any]) -> Path:
    """Errors by how far ahead, a stretch of the forecast, and the curves as a report folder."""
    report = Report(out, "Brain waves, forecast by a recurrent network", SOURCE)
    report.facts({f"error: {name}": error for name, error in result["errors"].items()})
    report.text(
        "Root mean squared errors on the last quarter of the recording, which was used for nothing else; 1 is the "
        "spread of the recording. A network is worth its trouble only where it beats the linear forecast."
    )

    def ahead(figure: Any, colours: dict[str, str]) -> None:
        axis = figure.subplots()
        kinds = zip(result["errors_by_step"].items(), ("first", "second", "ink", "ink"), ("-", "--", ":", "-."))
        for (name, errors), colour, style in kinds:
            axis.plot(range(1, FUTURE + 1), errors, style, color=colours[colour], label=name, marker=".")
        axis.set(xlabel="moments ahead", ylabel="error", xticks=range(1, FUTURE + 1))
        axis.legend()

    words = ", ".join(f"{name} {error:.2f}" for name, error in result["errors"].items())
    report.figure("errors", ahead, alt=f"Errors over moments ahead; in all: {words}.", caption="Error by distance.")

    def stretch(figure: Any, colours: dict[str, str]) -> None:
        axis = figure.subplots()
        axis.plot(truth[:, -1, 0], color=colours["ink"], label="recorded", linewidth=1)
        axis.plot(said["network"][:, -1, 0], color=colours["first"], label="forecast", linewidth=1)
        axis.set(xlabel="moment of the held-out part", ylabel="first electrode")
        axis.legend()

    report.figure(
        "forecast",
        stretch,
        alt=f"First electrode in the held-out part, as recorded and as forecast {FUTURE} moments ahead.",
        caption=f"The first electrode, and what the network said {FUTURE} moments before.",
    )
    report.heading("How it learned")
    report.figure(
        "curves",
        over_epochs(result["history"], {"loss": {"loss": "training", "val_loss": "validation"}}),
        alt=f"Training and validation loss over {result['epochs']} epochs.",
        caption="The weights of the best epoch on the validation part are the ones tested.",
    )
    report.table(result["history"], fold="All epochs as a table")
    return report.write(result)
