"""Random input grids, for tasks that are composed without a model.

Each maker gets a `random.Random`, the least and the greatest side, and the colours to use besides
black. Its source becomes part of the programs that generate inputs, so it uses nothing but the
functions of this module and Python's own.
"""

from random import Random

Cells = list[list[int]]
Sides = tuple[int, int]


def black_grid(rng: Random, sides: Sides) -> Cells:
    """A black grid of a random size."""
    columns = rng.randint(*sides)
    return [[0] * columns for _ in range(rng.randint(*sides))]


def varied_grid(rng: Random, grids: tuple[Cells, ...], recolours: bool) -> Cells:
    """One of the grids, turned, mirrored and perhaps recoloured by chance; black stays black."""
    colours = list(range(1, 10))
    if recolours:
        rng.shuffle(colours)
    grid = [[cell and colours[cell - 1] for cell in row] for row in rng.choice(grids)]
    if rng.random() < 0.5:
        grid = [list(row) for row in zip(*grid)]  # noqa: B905 - its rows are equally long
    if rng.random() < 0.5:
        grid = grid[::-1]
    return [row[::-1] for row in grid] if rng.random() < 0.5 else grid


def noise_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """Cells of any colour; how many are black differs from grid to grid."""
    share = rng.uniform(0.2, 0.8)
    return [
        [rng.choice(colours) if rng.random() < share else 0 for _ in row]
        for row in black_grid(rng, sides)
    ]


def dots_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """A few single cells."""
    grid = black_grid(rng, sides)
    for _ in range(rng.randint(2, 6)):
        rng.choice(grid)[rng.randrange(len(grid[0]))] = rng.choice(colours)
    return grid


def lines_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """Whole rows and columns, the later ones over the earlier ones."""
    grid = black_grid(rng, sides)
    for _ in range(rng.randint(1, 4)):
        colour = rng.choice(colours)
        if rng.random() < 0.5:
            grid[rng.randrange(len(grid))] = [colour] * len(grid[0])
        else:
            column = rng.randrange(len(grid[0]))
            for row in grid:
                row[column] = colour
    return grid


def has_room(grid: Cells, cells: list[tuple[int, int]]) -> bool:
    """Whether cells lie within the grid and no coloured cell touches them."""
    return all(
        0 <= row < len(grid) and 0 <= column < len(grid[0]) for row, column in cells
    ) and not any(
        grid[near][beside]
        for row, column in cells
        for near in range(max(0, row - 1), min(len(grid), row + 2))
        for beside in range(max(0, column - 1), min(len(grid[0]), column + 2))
    )


def boxes_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """Rectangles apart from each other, full or hollow."""
    grid = black_grid(rng, sides)
    for _ in range(rng.randint(3, 12)):
        top, left = rng.randrange(len(grid)), rng.randrange(len(grid[0]))
        height, width, colour = rng.randint(2, 5), rng.randint(2, 5), rng.choice(colours)
        cells = [(top + row, left + column) for row in range(height) for column in range(width)]
        if not has_room(grid, cells):
            continue
        hollow = rng.random() < 0.5
        for row, column in cells:
            is_edge = row in (top, top + height - 1) or column in (left, left + width - 1)
            grid[row][column] = colour if is_edge or not hollow else 0
    return grid


def shapes_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """Small connected shapes apart from each other, each of one colour."""
    grid = black_grid(rng, sides)
    for _ in range(rng.randint(3, 12)):
        cells = [(rng.randrange(len(grid)), rng.randrange(len(grid[0])))]
        for _ in range(rng.randint(1, 6)):
            row, column = rng.choice(cells)
            down, right = rng.choice([(0, 1), (1, 0), (0, -1), (-1, 0)])
            if (row + down, column + right) not in cells:
                cells.append((row + down, column + right))
        if has_room(grid, cells):
            colour = rng.choice(colours)
            for row, column in cells:
                grid[row][column] = colour
    return grid


def mirrored_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """A pattern that is its own mirror image, from left to right and upside down."""
    quarter = noise_grid(rng, (max(1, sides[0] // 2), max(1, sides[1] // 2)), colours)
    half = [row + row[::-1] for row in quarter]
    return half + half[::-1]


def holed_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """Such a pattern, of which a rectangle of one colour hides a part."""
    grid = mirrored_grid(rng, sides, colours[1:] or colours)
    height, width = rng.randint(1, len(grid) // 2), rng.randint(1, len(grid[0]) // 2)
    top, left = rng.randint(0, len(grid) - height), rng.randint(0, len(grid[0]) - width)
    for row in grid[top : top + height]:
        row[left : left + width] = [colours[0]] * width
    return grid


def tiles_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """A small picture, again and again over the whole grid."""
    tile, grid = noise_grid(rng, (2, 4), colours), black_grid(rng, sides)
    return [
        [tile[row % len(tile)][column % len(tile[0])] for column in range(len(grid[0]))]
        for row in range(len(grid))
    ]


def halves_grid(rng: Random, sides: Sides, colours: tuple[int, ...]) -> Cells:
    """Two pictures of one size, side by side, with a line of a colour of its own between them."""
    most = max(2, sides[1] // 2)
    left = noise_grid(rng, (min(2, most), most), colours[1:] or colours)
    right = [
        [rng.choice(colours[1:] or colours) if rng.random() < 0.5 else 0 for _ in row]
        for row in left
    ]
    return [[*one, colours[0], *other] for one, other in zip(left, right, strict=True)]


MAKERS = (
    noise_grid,
    dots_grid,
    lines_grid,
    boxes_grid,
    shapes_grid,
    mirrored_grid,
    holed_grid,
    tiles_grid,
    halves_grid,
)
