"""What the kernel says about the memory of this process."""


def status():
    """Numbers of /proc/self/status: VmSize, VmRSS, VmHWM, ... in bytes."""
    numbers = {}
    with open("/proc/self/status") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if value.endswith("kB\n"):
                numbers[name] = int(value[:-3]) * 1024
    return numbers


def resident_parts(range_base, range_size, stacks):
    """Resident bytes of the mappings: {"heap": , "files": , "stacks": , "anonymous": , "kernel": }, and files by path."""
    parts = dict.fromkeys(("heap", "files", "stacks", "anonymous", "kernel"), 0)
    files = {}
    part, path = "anonymous", ""
    with open("/proc/self/smaps", errors="replace") as lines:
        for line in lines:
            head, _, rest = line.partition(" ")
            if head == "Rss:":
                resident = int(rest.split()[0]) * 1024
                parts[part] += resident
                if part == "files":
                    files[path] = files.get(path, 0) + resident
            elif not head.endswith(":"):
                start, _, end = head.partition("-")
                start, end = int(start, 16), int(end, 16)
                fields = rest.split(None, 4)
                path = fields[4].strip() if len(fields) > 4 else ""
                if range_base <= start < range_base + range_size:
                    part = "heap"
                elif path == "[stack]" or any(start <= address < end for address in stacks):
                    part = "stacks"
                elif path.startswith("[v"):
                    part = "kernel"
                elif path.startswith("/"):
                    part = "files"
                else:
                    part = "anonymous"
    return parts, files
