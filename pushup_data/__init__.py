"""From raw push-up videos to a labelled data set and a model that says what is wrong."""
