import asyncio
import os

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message
from aiogram_sentinel import Sentinel, SentinelConfig, debounce, rate_limit


async def main() -> None:
    server = TelegramAPIServer.from_base(os.environ.get("API_ROOT", "https://api.telegram.org"))
    bot = Bot(os.environ["BOT_TOKEN"], session=AiohttpSession(api=server))
    dispatcher = Dispatcher()
    config = SentinelConfig(
        throttling_default_max=10,
        throttling_default_per_seconds=60,
        debounce_default_window=1,
    )
    router, _ = await Sentinel.setup(dispatcher, config)

    @router.message(Command("buy"))
    @rate_limit(3, 10)
    async def buy(message: Message) -> None:
        await message.answer("Bought.")

    @router.callback_query()
    @debounce(2)
    async def like(query: CallbackQuery) -> None:
        await query.answer("Thanks!")

    @router.message()
    async def text(message: Message) -> None:
        await message.answer("I see.")

    await dispatcher.start_polling(bot)


asyncio.run(main())
