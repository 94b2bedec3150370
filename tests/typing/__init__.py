"""Types that are promised: checked, never run."""
