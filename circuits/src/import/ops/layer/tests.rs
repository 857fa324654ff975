mod convolution;
mod integer;
mod q_operator;
mod qdq;
