mod elementwise;
mod float_pairs;
