"""Files on this machine: a workspace, its folders and locks, reading and writing safely."""
