"""What is run by hand: the doctor, verify, compare, the reference pages."""
