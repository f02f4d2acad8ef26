"""The CNN-LSTM: data, network, training, use."""
