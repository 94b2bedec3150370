"""What remains when processes are killed: nothing paid twice, nothing paid lost."""
