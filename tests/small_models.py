"""One small model of every family, for tests that run over all of them."""

SMALL = {
    "gain": {},
    "grey-box": {"filters_after": 1},
    "linear": {"taps": 9},
    "static-curve": {},
    "wiener-hammerstein": {"taps_before": 5, "taps_after": 7},
    "gru": {"hidden_size": 6, "skip": True},
    "lstm": {"hidden_size": 6, "skip": True},
    "s4d": {},
    "wavenet": {
        "layer_arrays": [
            {"channels": 5, "head_size": 3, "dilations": [1, 2, 40], "gated": True},
            {"channels": 3, "head_size": 1, "kernel_size": 2, "dilations": [7, 1], "head_bias": True},
        ],
        "head_scale": 0.7,
    },
    "window-lstm": {"hidden_size": 6, "context": 9},
}
