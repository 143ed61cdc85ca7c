"""A real browser without a window: Debian's chromium, driven by its own driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
)
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
needs_axe = pytest.mark.skipif(
    not AXE.is_file(),
    reason="needs axe-core: npm install --no-save axe-core, or AXE_CORE=.../axe.min.js",
)
WIDE, PHONE = (1280, 900), (390, 844)


class Browser:
    """Pages opened from the disk, at a size and in a colour scheme."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(
        self, page: Path, address: str = "", *, size: tuple[int, int] = WIDE, scheme: str = "light"
    ) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + address)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [found.text for found in self.all(selector)]

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def choose(self, selector: str, text: str) -> None:
        for option in self.one(selector).find_elements(By.TAG_NAME, "option"):
            if option.text == text:
                option.click()
                return
        raise AssertionError(f"{selector} has no option {text}")

    def wait(self, selector: str, *, gone: bool = False) -> None:
        """Until an element is shown, or none is."""
        waiting = WebDriverWait(
            self.driver, 20, ignored_exceptions=[StaleElementReferenceException]
        )
        waiting.until(lambda _: any(f.is_displayed() for f in self.all(selector)) is not gone)

    def wait_for_text(self, selector: str, text: str) -> None:
        WebDriverWait(self.driver, 20, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: self.texts(selector) == [text]
        )

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the page as it is shown, and in which elements."""
        self.driver.set_script_timeout(60)
        self.run(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(({ violations }) => done(violations.map("
            "({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)));"
        )
        return found

    def complaints(self) -> list[str]:
        """What the console said since it was asked last."""
        return [line["message"] for line in self.driver.get_log("browser")]


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Chromium, closed at the end; its sandbox is off, since tests may run as root."""
    assert CHROMIUM is not None
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


__all__ = ["PHONE", "WIDE", "Browser", "Keys", "needs_axe", "needs_chromium", "started_browser"]
