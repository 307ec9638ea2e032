"""How a stage that asks a model is run: journal, resume, repeats, order, budget. It knows no stage."""
