"""An OpenStack in miniature: five services on one port, with time and faults under control."""
