"""From a clean file to other people: the dataset on the Hub, its card, and files for trainers."""
