"""The client in virtual time, hours of it in seconds, with faults drawn from a seed."""
