"""The ground floor: records, names and numbers without behaviour towards the network. Everyone may know them."""
