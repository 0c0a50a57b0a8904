"""What a program shows on a pseudo-terminal."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


def start(command, cwd, columns=80, term='xterm', stdout=False, stderr=True):
    """The program in the foreground of a terminal, with those outputs on it (else
    nowhere), and the controlling end."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))

    def foreground():
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(command, cwd=cwd, stdin=terminal,
                               stdout=terminal if stdout else subprocess.DEVNULL,
                               stderr=terminal if stderr else subprocess.DEVNULL,
                               preexec_fn=foreground, env={**os.environ, 'TERM': term})
    os.close(terminal)
    return process, controller


def read(controller, process, seconds, turn=lambda: None):
    """All of it, as bytes, until `process` is gone or the time is over; closes
    the controlling end. `turn` is called again and again meanwhile."""
    out = b''
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        turn()
        if select.select([controller], [], [], 0.1)[0]:
            try:
                piece = os.read(controller, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        elif process.poll() is not None:
            break
    process.wait(timeout=30)
    os.close(controller)
    return out
