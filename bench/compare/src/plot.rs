//! The plot: a panel for each question, a bar for each program.

use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::cases::{WAYS, figures};
use crate::peers::{Cipher, Peer, TUNNELS};
use crate::samples::{Samples, Spread};
use crate::table::number;

const SIZE: (u32, u32) = (1120, 1000);
const FONT: &str = "sans-serif";
/// Widths of text, in pixels.
const TITLE: i32 = 18;
const NAME: i32 = 15;
const VALUE: i32 = 13;
/// Where a group is 1 wide.
const BAR: f64 = 0.22;
const GAP: f64 = 0.02;
/// For who reads in the dark: a viewer that does not know this rule shows the page in white.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { [fill=\"#FFFFFF\"] { fill: #161B22; } \
    [fill=\"#000000\"] { fill: #E6EDF3; } [stroke=\"#D8D8D8\"] { stroke: #3A414A; } \
    [stroke=\"#000000\"] { stroke: #8B949E; } }</style>";
const GRID: RGBColor = RGBColor(0xd8, 0xd8, 0xd8);

struct Panel {
    title: &'static str,
    /// A group of bars: its name and its figure.
    groups: Vec<(&'static str, String)>,
}

fn panels() -> [Panel; 8] {
    let [up, down] = WAYS;
    let (aes, chacha) = (Cipher::Aes128Gcm, Cipher::ChaCha20Poly1305);
    let cost = figures::cpu_per_gigabyte;
    let [crowd, _] = figures::CROWDS;
    let [client, server] = figures::ends(&format!("KiB per idle channel of {crowd}"));
    let [idle_client, idle_server] = figures::ends(figures::IDLE);
    [
        Panel {
            title: "CPU seconds for each GB, both ends added: less is better",
            groups: vec![
                ("AES-GCM, up", cost(aes, up, 1)),
                ("AES-GCM, down", cost(aes, down, 1)),
                ("ChaCha20, up", cost(chacha, up, 1)),
                ("ChaCha20, down", cost(chacha, down, 1)),
            ],
        },
        Panel {
            title: "Gbit/s with AES-GCM: more is better",
            groups: vec![
                ("up", figures::gigabits(aes, up, 1)),
                ("down", figures::gigabits(aes, down, 1)),
                ("8 streams, up", figures::gigabits(aes, up, figures::MANY)),
                (
                    "8 streams, down",
                    figures::gigabits(aes, down, figures::MANY),
                ),
            ],
        },
        Panel {
            title: "Connections per second: more is better",
            groups: vec![
                ("one after another", figures::rate(1)),
                ("64 at once", figures::rate(figures::AT_ONCE)),
            ],
        },
        Panel {
            title: "Round trip of one byte, µs: less is better",
            groups: vec![
                ("median", figures::TRIP_P50.to_owned()),
                ("99 of 100", figures::TRIP_P99.to_owned()),
            ],
        },
        Panel {
            title: "Round trip beside bulk, narrow path, 99 of 100, ms: less is better",
            groups: vec![
                ("bulk goes up", figures::interactive("p99", up)),
                ("bulk goes down", figures::interactive("p99", down)),
            ],
        },
        Panel {
            title: "From its start to the first byte back, ms: less is better",
            groups: vec![
                ("each to its own server", figures::first_byte("")),
                ("to OpenSSH's sshd", figures::first_byte(figures::SSHD)),
            ],
        },
        Panel {
            title: "KiB for each of 1000 idle channels: less is better",
            groups: vec![("client", client), ("server", server)],
        },
        Panel {
            title: "MB resident with one idle session: less is better",
            groups: vec![("client", idle_client), ("server", idle_server)],
        },
    ]
}

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
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (legend, rest) = area.margin(10, 10, 14, 14).split_vertically(40);
        for (at, peer) in (0i32..).zip(TUNNELS) {
            let x = 10 + at * 130;
            let square = [(x, 10), (x + 16, 26)];
            legend.draw(&Rectangle::new(square, colour(peer).filled()))?;
            let middle = Pos::new(HPos::Left, VPos::Center);
            legend.draw(&Text::new(
                peer.to_string(),
                (x + 24, 18),
                style(TITLE, middle),
            ))?;
        }
        for (part, panel) in rest.split_evenly((4, 2)).iter().zip(panels()) {
            draw(samples, part, &panel)?;
        }
        area.present()?;
    }
    let (head, body) = text.split_once(">\n").ok_or("no element")?;
    fs::write(file, format!("{head}>\n{DARK}\n{body}"))?;
    Ok(())
}

fn style(size: i32, pos: Pos) -> TextStyle<'static> {
    TextStyle::from((FONT, size).into_font()).pos(pos)
}

fn draw(
    samples: &Samples,
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    panel: &Panel,
) -> Result<(), Box<dyn Error>> {
    let mut bars = Vec::new();
    for ((_, figure), group) in panel.groups.iter().zip(0i32..) {
        let there = TUNNELS.map(|peer| Some((peer, samples.spread(figure, peer)?)));
        let there: Vec<(Peer, Spread)> = there.into_iter().flatten().collect();
        let first = f64::from(group) + 0.5 - BAR * there.len() as f64 / 2.0;
        for ((peer, spread), at) in there.into_iter().zip(0i32..) {
            bars.push((first + BAR * f64::from(at), spread, peer));
        }
    }
    let highest = bars.iter().map(|bar| bar.1.median).fold(0.0, f64::max);
    if highest == 0.0 {
        return Ok(());
    }
    let count = panel.groups.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .caption(panel.title, style(TITLE, Pos::new(HPos::Left, VPos::Top)))
        .x_label_area_size(26)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..count, 0.0..highest * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .label_style(style(VALUE, Pos::default()))
        .y_labels(5)
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    chart.draw_series(bars.iter().map(|(left, spread, peer)| {
        let right = left + BAR - GAP;
        Rectangle::new(
            [(*left, 0.0), (right, spread.median)],
            colour(*peer).filled(),
        )
    }))?;
    chart.draw_series(bars.iter().map(|(left, spread, _)| {
        let middle = left + (BAR - GAP) / 2.0;
        let above = style(VALUE, Pos::new(HPos::Center, VPos::Bottom));
        Text::new(
            number(spread.median),
            (middle, spread.median + highest * 0.01),
            above,
        )
    }))?;
    for ((name, _), at) in panel.groups.iter().zip(0i32..) {
        let (x, y) = chart.backend_coord(&(f64::from(at) + 0.5, 0.0));
        let (left, top) = area.get_base_pixel();
        let below = style(NAME, Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(*name, (x - left, y - top + 6), below))?;
    }
    Ok(())
}
