"""Reads a printer with pyipp and prints a file: HOST PORT PATH TLS FILE."""

import asyncio
import sys

from pyipp import IPP
from pyipp.enums import IppOperation


async def main(host: str, port: str, path: str, tls: str, file: str) -> None:
    with open(file, "rb") as document:
        data = document.read()
    async with IPP(host=host, port=int(port), base_path=path, tls=tls == "tls") as ipp:
        printer = await ipp.printer()
        print("name", printer.info.printer_name)
        print("state", printer.state.printer_state)
        job = {"document-format": "application/pdf", "job-name": "from pyipp"}
        told = await ipp.execute(IppOperation.PRINT_JOB, {"operation-attributes-tag": job, "data": data})
        print("job", told["jobs"][0]["job-id"])


asyncio.run(main(*sys.argv[1:]))
