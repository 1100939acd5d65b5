"""Nobody gets in: from outside, with what an attacker would send."""
