"""The CNN-LSTM: its data, network, training, files, and use."""
