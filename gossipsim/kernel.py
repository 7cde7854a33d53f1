from gossipsim.kernels import Kernel, dot, kernel, norm, total  # noqa
