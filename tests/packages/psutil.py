"""Facts about this process and the machine, as far as they are the same for two runs."""
import os

import psutil

process = psutil.Process()
print(process.pid == os.getpid(), process.ppid() == os.getppid(), process.cwd() == os.getcwd(), process.status())
print(psutil.cpu_count(), psutil.virtual_memory().total, psutil.disk_usage("/").total, sorted(psutil.net_if_addrs()))
print(process.memory_info()._fields, process.memory_info().rss > 1000000, process.num_threads(), process.nice())
with open(__file__) as file:
    print(file.name in [f.path for f in process.open_files()], process.num_fds() > 3)
print(process.environ().get("HOME") == os.environ.get("HOME"), process.cmdline()[-1] == __file__, process.username())
try:
    psutil.Process(2**22 + 5)
except psutil.NoSuchProcess as error:
    print(error)
child = psutil.Popen(["sleep", "60"])
print(child.name(), process.children() == [psutil.Process(child.pid)])
child.terminate()
print(child.wait(5))
