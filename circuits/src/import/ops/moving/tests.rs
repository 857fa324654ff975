mod layout;
mod shapes;
