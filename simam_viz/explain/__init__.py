"""One photo through one network and what it shows; comparisons, faithfulness, surveys, evidence."""
