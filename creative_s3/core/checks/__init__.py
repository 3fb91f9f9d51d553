"""The doctor's checks: everything an upload depends on."""
