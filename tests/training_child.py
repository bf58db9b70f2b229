"""A training process to be killed by a test: checkpoints follow each other quickly, so that kills meet writes."""

import torch

from drywet import files
from drywet.dataset import Dataset
from drywet.training import RunConfig, load_training_data, loop, train


def main(dataset, config_path, folder):
    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 0.05
    config = RunConfig.model_validate(files.read_json(config_path))
    train(config, load_training_data(Dataset(dataset), config.settings.controls), folder)
