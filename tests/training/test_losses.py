import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from drywet import measures
from drywet.errors import SettingsError, SignalError
from drywet.training.losses import LOSSES, Loss, LossText, parse_loss

RATE = 44_100
RNG = np.random.default_rng(8)
WET = (0.2 * np.cumsum(RNG.standard_normal((4, 6000)), axis=-1) % 1 - 0.4).astype(np.float32)  # with low frequencies
PREDICTED = WET + 0.05 * np.cumsum(RNG.standard_normal((4, 6000)), axis=-1).astype(np.float32) + 0.1
TRACK = WET.reshape(-1)

# The measure of each term on whole recordings, in double precision.
MEASURES = {
    "esr": measures.esr,
    "pre-emphasised": lambda wet, predicted: measures.esr(wet, predicted, pre_emphasis=0.85),
    "a-weighted": lambda wet, predicted: measures.a_weighted_esr(wet, predicted, RATE),
    "mse": measures.mse,
    "mae": measures.mae,
    "dc": measures.dc_error,
    "mrstft": lambda wet, predicted: measures.mrstft(wet, predicted, power=float(np.mean(wet**2))),
}


def epoch_loss(text, wet, predicted, track, chunk_length):
    """Mean loss over consecutive chunks of streams (B, T)."""
    loss = Loss(text, track, RATE, chunk_length)
    past, values = loss.initial_past(len(wet)), []
    for start in range(0, wet.shape[1], chunk_length):
        chunk = (torch.as_tensor(signal[:, start : start + chunk_length]) for signal in (wet, predicted))
        value, past = loss(*chunk, past)
        values.append(float(value))
    return np.mean(values)


def test_every_loss_has_a_measure():
    assert set(MEASURES) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_a_track_in_one_chunk_scores_its_measure(name):
    wet, predicted = WET[0].astype(np.float64), PREDICTED[0].astype(np.float64)
    found = epoch_loss(name, WET[:1], PREDICTED[:1], WET[0], 6000)
    assert found == pytest.approx(float(MEASURES[name](wet, predicted)), rel=1e-4)


@pytest.mark.parametrize("chunk_length", [100, 128, 1000])  # shorter and longer than the A-weighting filter
@pytest.mark.parametrize("name", ["esr", "pre-emphasised", "a-weighted", "mse", "mae"])
def test_the_mean_over_an_epoch_does_not_depend_on_the_chunks(name, chunk_length):
    length = 6000 // chunk_length * chunk_length
    wet, predicted = WET[:, :length], PREDICTED[:, :length]
    whole = epoch_loss(name, wet, predicted, TRACK, length)
    assert epoch_loss(name, wet, predicted, TRACK, chunk_length) == pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("name", ["pre-emphasised", "a-weighted"])
def test_a_filter_that_forgot_the_past_would_score_otherwise(name):
    loss = Loss(name, TRACK, RATE, 128)
    chunks = [(torch.as_tensor(WET[:, i : i + 128]), torch.as_tensor(PREDICTED[:, i : i + 128])) for i in (0, 128)]
    _, past = loss(*chunks[0], loss.initial_past(4))
    assert past.shape == (4, loss.context)
    torch.testing.assert_close(past[:, -1], chunks[0][0][:, -1] - chunks[0][1][:, -1])
    remembered, forgot = (float(loss(*chunks[1], before)[0]) for before in (past, loss.initial_past(4)))
    assert abs(remembered / forgot - 1) > 0.01


def test_the_esr_is_the_bare_quotient_to_the_bit():
    wet, predicted = torch.as_tensor(WET), torch.as_tensor(PREDICTED)
    loss = Loss("esr", TRACK, RATE, 6000)
    power = float(np.mean(np.square(TRACK, dtype=np.float64)))
    assert loss.context == 0
    assert torch.equal(loss(wet, predicted, loss.initial_past(4))[0], ((wet - predicted) ** 2).mean() / power)


def test_a_combination_is_the_weighted_sum():
    parts = {name: epoch_loss(name, WET, PREDICTED, TRACK, 2000) for name in LOSSES}
    found = epoch_loss("esr + 0.1 mrstft + 2dc+.5 a-weighted + 3 mae", WET, PREDICTED, TRACK, 2000)
    expected = parts["esr"] + 0.1 * parts["mrstft"] + 2 * parts["dc"] + 0.5 * parts["a-weighted"] + 3 * parts["mae"]
    assert found == pytest.approx(expected, rel=1e-5)
    classic = epoch_loss("0.75 pre-emphasised + 0.25 dc", WET, PREDICTED, TRACK, 2000)
    assert classic == pytest.approx(0.75 * parts["pre-emphasised"] + 0.25 * parts["dc"], rel=1e-5)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("mse", "mae")])
def test_relative_losses_do_not_depend_on_the_level_of_the_recording(name):
    loud, quiet = (epoch_loss(name, g * WET, g * PREDICTED, g * TRACK, 2000) for g in (np.float32(1), np.float32(1e-3)))
    assert quiet == pytest.approx(loud, rel=1e-4)


@pytest.mark.parametrize("case", ["silence", "silent wet", "identical", "silent prediction"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient_are_finite_on_a_chunk_that_is(name, case):
    music = torch.as_tensor(WET[:, :2000])
    wet = 0 * music if case in ("silence", "silent wet") else music
    predicted = (0 * music if case in ("silence", "silent prediction") else music.clone()).requires_grad_()
    loss = Loss(name, TRACK, RATE, 2000)
    value, past = loss(wet, predicted, loss.initial_past(4))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(predicted.grad).all()
    assert not past.requires_grad
    if case in ("silence", "identical"):
        assert float(value.detach()) == 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_down_the_gradient_lowers_the_loss(name):
    wet, predicted = torch.as_tensor(WET[:, :2000]), torch.tensor(PREDICTED[:, :2000], requires_grad=True)
    loss = Loss(name, TRACK, RATE, 2000)
    past = torch.as_tensor(RNG.standard_normal((4, loss.context)).astype(np.float32)) * 0.1
    value, _ = loss(wet, predicted, past)
    value.backward()
    step = 0.01 * predicted.grad / predicted.grad.norm()
    assert float(loss(wet, predicted.detach() - step, past)[0]) < float(value.detach())


@pytest.mark.parametrize("name", ["pre-emphasised", "a-weighted"])
def test_no_gradient_flows_into_the_previous_chunk(name):
    loss = Loss(name, TRACK, RATE, 128)
    wet, predicted = torch.as_tensor(WET[:, :256]), torch.tensor(PREDICTED[:, :256], requires_grad=True)
    _, past = loss(wet[:, :128], predicted[:, :128], loss.initial_past(4))
    loss(wet[:, 128:], predicted[:, 128:], past)[0].backward()
    assert not predicted.grad[:, :128].any()
    assert predicted.grad[:, 128:].all()


def test_windows_longer_than_a_chunk_are_refused_before_training():
    with pytest.raises(SettingsError, match="tbptt_length is 256.*mrstft needs tbptt_length of at least 1200"):
        Loss("esr + 0.1 mrstft", TRACK, RATE, 256)
    Loss("mrstft", TRACK, RATE, 1200)


def test_a_silent_track_is_refused():
    with pytest.raises(SignalError, match="silent"):
        Loss("esr", 0 * TRACK, RATE, 256)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("esr", {"esr": 1.0}),
        (" 0.75 pre-emphasised+0.25dc ", {"pre-emphasised": 0.75, "dc": 0.25}),
        ("2 a-weighted\n + .5 mrstft", {"a-weighted": 2.0, "mrstft": 0.5}),
    ],
)
def test_a_loss_reads_as_written(text, weights):
    assert parse_loss(text) == weights


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ers", "unknown loss 'ers'; did you mean 'esr'?"),
        ("esr + ESR", "unknown loss 'ESR'; did you mean 'esr'?"),
        ("pre-emphasized", "did you mean 'pre-emphasised'?"),
        ("loudness", "unknown loss 'loudness'; known are: esr, pre-emphasised, a-weighted, mse, mae, dc, mrstft"),
        ("esr + 2 esr", "esr stands twice"),
        ("0 esr", "the weight of esr is 0; it must be above 0"),
        ("esr + 0.0 dc", "the weight of dc is 0.0"),
        pytest.param(f"1{'0' * 400} esr", "finite", id="a weight of 400 digits"),
        ("-1 esr", "'-1 esr' is not a term"),
        ("nan esr", "'nan esr' is not a term"),
        ("esr - dc", "'esr - dc' is not a term"),
        ("1e-3 dc", "'1e-3 dc' is not a term"),
        ("esr +", "'' is not a term"),
        ("", "'' is not a term"),
        ("0.5", "'0.5' is not a term"),
    ],
)
def test_a_loss_that_cannot_be_meant_is_refused(text, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below, as it reads
        parse_loss(text)
    assert message in str(raised.value)


def test_a_setting_of_a_loss_is_checked_when_read():
    adapter = TypeAdapter(LossText)
    assert adapter.validate_python("esr + dc") == "esr + dc"
    with pytest.raises(ValidationError, match="did you mean 'esr'"):
        adapter.validate_python("ers")
