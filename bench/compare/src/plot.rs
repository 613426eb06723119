//! The plot: a panel for each question, a bar for each program.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::peers::{Peer, TUNNELS};
use crate::samples::Samples;

const SIZE: (u32, u32) = (1100, 760);
const FONT: &str = "sans-serif";
const BAR: f64 = 0.2;

/// A group of bars: its name and what the samples call it.
type Group = (&'static str, &'static str);

struct Panel {
    title: &'static str,
    groups: [Group; 4],
}

const NONE: Group = ("", "");

const PANELS: [Panel; 6] = [
    Panel {
        title: "CPU seconds per GB, both ends (less is better)",
        groups: [
            ("aes up", "CPU-s/GB aes128-gcm up 1"),
            ("aes down", "CPU-s/GB aes128-gcm down 1"),
            ("chacha up", "CPU-s/GB chacha20-poly1305 up 1"),
            ("chacha down", "CPU-s/GB chacha20-poly1305 down 1"),
        ],
    },
    Panel {
        title: "Gbit/s, aes128-gcm (more is better)",
        groups: [
            ("up", "Gbit/s aes128-gcm up 1"),
            ("down", "Gbit/s aes128-gcm down 1"),
            ("up, 8 streams", "Gbit/s aes128-gcm up 8"),
            ("down, 8", "Gbit/s aes128-gcm down 8"),
        ],
    },
    Panel {
        title: "Connections per second (more is better)",
        groups: [
            ("one by one", "connections/s, 1 at once"),
            ("64 at once", "connections/s, 64 at once"),
            NONE,
            NONE,
        ],
    },
    Panel {
        title: "Round trip of a byte, µs (less is better)",
        groups: [
            ("p50", "round trip p50"),
            ("p99", "round trip p99"),
            NONE,
            NONE,
        ],
    },
    Panel {
        title: "KiB per idle channel, of 1000 (less is better)",
        groups: [
            ("client", "KiB per idle channel of 1000, client"),
            ("server", "KiB per idle channel of 1000, server"),
            NONE,
            NONE,
        ],
    },
    Panel {
        title: "Start to first byte, ms (less is better)",
        groups: [
            ("its own server", "first byte, ms"),
            ("sshd", "first byte from sshd, ms"),
            NONE,
            NONE,
        ],
    },
];

/// Colours that stay apart for who sees no red or green.
fn colour(peer: Peer) -> RGBColor {
    match peer {
        Peer::Adit => RGBColor(0, 114, 178),
        Peer::OpenSsh => RGBColor(230, 159, 0),
        Peer::Russh => RGBColor(0, 158, 115),
        Peer::Dropbear => RGBColor(204, 121, 167),
        Peer::Plain => RGBColor(128, 128, 128),
    }
}

/// Draws what was measured.
pub fn plot(samples: &Samples, file: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (legend, rest) = area.split_vertically(36);
    for (at, peer) in (0i32..).zip(TUNNELS) {
        let x = 20 + at * 130;
        legend.draw(&Rectangle::new(
            [(x, 12), (x + 16, 28)],
            colour(peer).filled(),
        ))?;
        legend.draw(&Text::new(peer.to_string(), (x + 24, 14), (FONT, 16)))?;
    }
    for (part, panel) in rest.split_evenly((3, 2)).iter().zip(&PANELS) {
        draw(samples, part, panel)?;
    }
    area.present()?;
    Ok(())
}

fn draw(
    samples: &Samples,
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    panel: &Panel,
) -> Result<(), Box<dyn Error>> {
    let groups: Vec<&Group> = panel
        .groups
        .iter()
        .filter(|group| !group.0.is_empty())
        .collect();
    let bars: Vec<(f64, f64, Peer)> = groups
        .iter()
        .zip(0i32..)
        .flat_map(|((_, figure), group)| {
            let values = TUNNELS.iter().zip(0i32..).filter_map(move |(peer, at)| {
                let left = f64::from(group) + BAR * (f64::from(at) + 0.5);
                Some((left, samples.median(figure, *peer)?, *peer))
            });
            values.collect::<Vec<_>>()
        })
        .collect();
    let highest = bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
    if highest == 0.0 {
        return Ok(());
    }
    let count = groups.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(panel.title, (FONT, 16))
        .x_label_area_size(24)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..count, 0.0..highest * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .y_labels(5)
        .draw()?;
    chart.draw_series(bars.iter().map(|(left, value, peer)| {
        Rectangle::new(
            [(*left, 0.0), (left + 0.9 * BAR, *value)],
            colour(*peer).filled(),
        )
    }))?;
    chart.draw_series(bars.iter().map(|(left, value, _)| {
        let text = if *value >= 100.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.2}")
        };
        Text::new(text, (*left, value + highest * 0.07), (FONT, 11))
    }))?;
    for ((name, _), at) in groups.iter().zip(0i32..) {
        let (x, y) = chart.backend_coord(&(f64::from(at) + BAR / 2.0, 0.0));
        let (left, top) = area.get_base_pixel();
        area.draw(&Text::new(*name, (x - left, y - top + 6), (FONT, 14)))?;
    }
    Ok(())
}
