"""Reads Chinese that a vendor wrote in Latin letters, without its tones.

Only words that mean nothing in any other language are listed, and only a name that consists of them is read.
"""

import re
from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "kaiguan": "开关",
    "kaiji": "开机",
    "guanji": "关机",
    "dianyuan": "电源",
    "moshi": "模式",
    "gongzuo": "工作",
    "yunxing": "运行",
    "zhuangtai": "状态",
    "wendu": "温度",
    "shidu": "湿度",
    "shuiwen": "水温",
    "shiwen": "室温",
    "shinei": "室内",
    "shiwai": "室外",
    "huanjing": "环境",
    "dangqian": "当前",
    "sheding": "设定",
    "shezhi": "设置",
    "mubiao": "目标",
    "jinshui": "进水",
    "chushui": "出水",
    "zhire": "制热",
    "zhileng": "制冷",
    "jiare": "加热",
    "jiashi": "加湿",
    "chushi": "除湿",
    "baowen": "保温",
    "fangdong": "防冻",
    "fengsu": "风速",
    "fengshan": "风扇",
    "fengliang": "风量",
    "shuibeng": "水泵",
    "zhuansu": "转速",
    "dangwei": "档位",
    "liangdu": "亮度",
    "yanse": "颜色",
    "sewen": "色温",
    "dengguang": "灯光",
    "yedeng": "夜灯",
    "dingshi": "定时",
    "daojishi": "倒计时",
    "shijian": "时间",
    "tongsuo": "童锁",
    "fulizi": "负离子",
    "shajun": "杀菌",
    "lvxin": "滤芯",
    "shouming": "寿命",
    "dianliang": "电量",
    "gonglv": "功率",
    "dianya": "电压",
    "dianliu": "电流",
    "shuiwei": "水位",
    "queshui": "缺水",
    "guzhang": "故障",
    "baojing": "报警",
    "weishi": "喂食",
    "fuwei": "复位",
}
_WORD: Final = "|".join(sorted(_WORDS, key=len, reverse=True))
_NAME: Final = re.compile(rf"(?:(?:{_WORD})[_\s\d-]*)+", re.IGNORECASE)
_PIECE: Final = re.compile(rf"{_WORD}|\d+", re.IGNORECASE)


def from_pinyin(name: str) -> str | None:
    """Return a name in Chinese: `shezhi_wendu` is 设置温度. None if it is no pinyin that is known."""
    if _NAME.fullmatch(name) is None:
        return None
    return "".join(_WORDS.get(piece.lower(), piece) for piece in _PIECE.findall(name))
