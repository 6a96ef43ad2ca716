"""Operations: what can be changed on a host, one file each; they compare and build, no more."""
