"""Google Wallet without I/O: classes, objects, save links and callbacks."""
