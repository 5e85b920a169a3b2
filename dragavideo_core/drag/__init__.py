"""The drag: motion supervision (Eq. 3-5), temporal-consistent tracking (Eq. 6-7) and the loop that joins them."""
