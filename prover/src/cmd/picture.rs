//! A grayscale image as characters.

/// From dark to bright.
const SHADES: [char; 6] = [' ', '.', ':', 'o', 'O', '@'];

/// Rows of `width` pixels in `0.0..=1.0`, two characters per pixel, in a frame.
pub(crate) fn draw(pixels: &[f32], width: usize) -> String {
    let frame = format!("+{}+", "-".repeat(2 * width));
    let rows = pixels.chunks(width.max(1)).map(|row| {
        let shades: String = row.iter().flat_map(|pixel| [shade(*pixel); 2]).collect();
        format!("|{shades}|")
    });
    std::iter::once(frame.clone())
        .chain(rows)
        .chain([frame])
        .map(|row| format!("    {row}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn shade(brightness: f32) -> char {
    let steps = (SHADES.len() - 1) as f32;
    let step = (brightness.clamp(0.0, 1.0) * steps).round() as usize;
    SHADES.get(step).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_two_characters_per_pixel() {
        assert_eq!(draw(&[0.0, 1.0, 0.5, -3.0], 2), "    +----+\n    |  @@|\n    |oo  |\n    +----+");
    }
}
