// What posix_spawn()'s file actions are called.
#pragma once

namespace gill::posix {

enum SpawnAction { kSpawnOpen, kSpawnClose, kSpawnDup2 };

}  // namespace gill::posix
