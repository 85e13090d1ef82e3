"""Products with packed weights are those of torch, row by row, however many rows there are."""

from __future__ import annotations

import pytest

from harness.models.packed import ONEDNN, TORCH, Product, how_products_run


@pytest.fixture
def fresh():
    how_products_run.cache_clear()
    yield
    how_products_run.cache_clear()


def weights(bias):
    import torch

    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 7, 48, generator=generator)
    weight = torch.randn(80, 48, generator=generator)
    return x, weight, torch.randn(80, generator=generator) if bias else None


@pytest.mark.parametrize("bias", [False, True])
def test_a_product_is_torchs_own_linear(bias):
    import torch

    x, weight, added = weights(bias)
    wanted = torch.nn.functional.linear(x.double(), weight.double(),
                                        added.double() if bias else None)  # fmt: skip
    found = Product(weight, added)(x)
    assert found.shape == (3, 7, 80) and found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_row_does_not_depend_on_how_many_there_are():
    import torch

    if how_products_run() != ONEDNN:
        pytest.skip("torch's products, whose last digits depend on the number of rows")
    weight = torch.randn(96, 64, generator=torch.Generator().manual_seed(2))
    x = torch.randn(300, 64, generator=torch.Generator().manual_seed(3))
    product = Product(weight, None)
    whole = product(x)
    for rows in (1, 2, 7, 16, 129):
        assert torch.equal(product(x[:rows].contiguous()), whole[:rows])


@pytest.mark.parametrize("broken", ["absent", "wrong"])
def test_where_packing_is_absent_or_wrong_torch_multiplies(broken, fresh, monkeypatch):
    import torch

    x, weight, _ = weights(bias=False)
    wanted = torch.nn.functional.linear(x, weight)

    def multiply(x, *rest):
        if broken == "absent":
            raise AttributeError("no such operator")
        return torch.zeros(*x.shape[:-1], 64)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", multiply)
    assert how_products_run() == TORCH
    assert torch.equal(Product(weight, None)(x), wanted)
