"""What an experience is put together from, asked for as and refused by; the stage is in ``stages``."""
